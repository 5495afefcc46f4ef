// SPDX-License-Identifier: Apache-2.0
// The present moment for everything that shows relative times, renewed every ten seconds.
import { ref } from 'vue';

export const present = ref(Date.now());
setInterval(() => {
  present.value = Date.now();
}, 10_000);

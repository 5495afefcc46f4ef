/* SPDX-License-Identifier: Apache-2.0 */
/* The program: its commands. */
#include <stdio.h>

int main(void)
{
    puts("zhongshu " ZHONGSHU_VERSION);
    return 0;
}

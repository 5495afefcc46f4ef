// SPDX-License-Identifier: Apache-2.0
// The main way through a workflow with side paths.
import { describe, expect, it, vi } from 'vitest';

vi.mock('./api', () => ({ workflows: async () => ({ items: [] }) }));
vi.mock('./model', async () => ({ model: (await import('vue')).ref(null) }));
const { mainWay } = await import('./workflows');

describe('mainWay', () => {
  it('goes forward to the farthest end and leaves side paths and loops aside', () => {
    const way = mainWay({
      name: 'w', start: 'new',
      states: ['new', 'work', 'paused', 'check', 'done', 'rated', 'refused'].map((name) => ({
        name, kind: ['done', 'rated', 'refused'].includes(name) ? 'closed' : name === 'paused' ? 'paused' : 'open',
      })),
      actions: [
        { name: 'refuse', from: ['new'], to: 'refused' }, { name: 'take', from: ['new'], to: 'work' },
        { name: 'pause', from: ['work'], to: 'paused' }, { name: 'resume', from: ['paused'], to: 'work' },
        { name: 'report', from: ['work'], to: 'check' }, { name: 'back', from: ['check'], to: 'work' },
        { name: 'note', from: ['work'], to: null }, { name: 'close', from: ['check'], to: 'done' },
        { name: 'rate', from: ['done', 'refused'], to: 'rated' },
      ],
    });
    expect(way).toEqual(['new', 'work', 'check', 'done', 'rated']);
  });
});

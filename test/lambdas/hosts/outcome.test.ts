import { describe, expect, it } from 'vitest';
import type { HostTold } from '../../../lambdas/clients/hosts.ts';
import { outcomeOn } from '../../../lambdas/hosts/outcome.ts';

const told = (over: Partial<HostTold>): HostTold => ({
  host: 'i-1',
  status: 'Success',
  code: 0,
  stdout: '',
  stderr: '',
  ...over,
});

describe('how a document came out on a host', () => {
  it('is its answer, the last line of what it wrote', () => {
    expect(outcomeOn(told({ stdout: 'noise\n{"status":"done","cpu":0.2}\n' }))).toEqual({
      host: 'i-1',
      outcome: 'answered',
      answer: { status: 'done', cpu: 0.2 },
    });
  });

  it.each<[string, Partial<HostTold>, string, RegExp]>([
    ['is busy', { stdout: '{"status":"busy","reason":"Another read-host is at work."}' }, 'busy', /Another read-host/],
    ['answers nonsense', { stdout: 'Segmentation fault' }, 'nonsense', /answers “Segmentation fault”/],
    ['answers JSON of another kind', { stdout: '{"ok":true}' }, 'nonsense', /answers/],
    ['answers a cut line', { stdout: '{"status":"done","cpu":0.' }, 'nonsense', /answers/],
    ['was stopped', {}, 'nonsense', /without an answer.*half done/],
    [
      'refuses',
      { status: 'Failed', code: 64, stdout: '{"status":"refused","reason":"Seconds"}' },
      'refused',
      /Seconds/,
    ],
    ['fails', { status: 'Failed', code: 1, stderr: 'a\nNo space left\n' }, 'failed', /exit 1: No space left; .*half/],
    ['fails without a word', { status: 'Failed', code: 137 }, 'failed', /exit 137: no word/],
    ['is off', { status: 'DeliveryTimedOut', code: -1 }, 'offline', /nothing was done/],
    ['is gone', { status: 'Undeliverable', code: -1 }, 'offline', /nothing was done/],
    ['takes too long', { status: 'ExecutionTimedOut', code: 137 }, 'late', /half done/],
    ['was cancelled', { status: 'Cancelled' }, 'cancelled', /half done/],
    ['was spared by the limit on errors', { status: 'Terminated', code: -1 }, 'unsent', /nothing was begun/],
    ['has a status nobody knows', { status: 'Surprised' }, 'nonsense', /Surprised/],
  ])('is named where a host %s', (_how, over, outcome, reason) => {
    expect(outcomeOn(told(over))).toEqual({
      host: 'i-1',
      outcome,
      reason: expect.stringMatching(reason) as string,
    });
  });
});

import type { Result } from '../../lambdas/framework/result.ts';

/** Sources of functions that do something else than they should, for replaceCode. */

const handler = (body: string) => `export const handler = async (event, context) => { ${body} };`;

/** A function that has not even our framework in it, and answers this. */
export const answering = (answer: Partial<Result> | Record<string, unknown>): string =>
  handler(`return ${JSON.stringify({ done: 0, left: 0, failed: 0, numbers: {}, ...answer })};`);

/** Throws an error of this name. */
export const throwing = (message: string, name = 'Error'): string =>
  handler(`throw Object.assign(new Error(${JSON.stringify(message)}), { name: ${JSON.stringify(name)} });`);

/** Does not answer within its time, and its process cannot be asked to end. */
export const hanging = (): string => handler('for (;;);');

/** Its process is killed, as by the kernel when memory runs out. */
export const killed = (): string => handler(`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`);

/** Answers this many bytes. */
export const answeringBytes = (bytes: number): string =>
  handler(`return { done: 1, left: 0, failed: 0, numbers: {}, padding: 'x'.repeat(${bytes}) };`);

const step = (body: string) => `
  import * as z from 'zod';
  import { step } from './lambdas/framework/step.ts';
  export const handler = step({
    input: z.looseObject({}), uses: {}, minutes: 0, example: { done: 0, left: 0, failed: 0, numbers: {} },
    async run(input, { each, signal }) { ${body} },
  });`;

/** A step of ours that is at work so many seconds, whatever it is told. */
export const busyFor = (seconds: number): string =>
  step(`
    await new Promise((resolve) => setTimeout(resolve, ${seconds * 1_000}));
    return { done: 1, left: 0, failed: 0, numbers: {} };`);

/** A step of ours whose process is killed while it is at work: its call stays behind in the record. */
export const killedAtWork = (): string =>
  step(`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}); throw new Error('it lives');`);

/** A step of ours of which one item fails. */
export const failingFor = (item: string): string =>
  step(`
    const work = ['a', ${JSON.stringify(item)}, 'b'].map((item) => ({ item, does: 'something' }));
    return each(work, async (w) => {
      if (w.item === ${JSON.stringify(item)}) throw new Error('this one cannot be done');
      return { before: {}, after: {} };
    });`);

/** A step of ours that writes to the world again and again for so many seconds: a mute rule each time, by the ledger or without. */
export const writingOn = (seconds: number, { ledger }: { ledger: boolean }): string => `
  import * as z from 'zod';
  import { alarms } from './lambdas/clients/alarms.ts';
  import { step } from './lambdas/framework/step.ts';
  export const handler = step({
    input: z.looseObject({}), uses: { cloudwatch: alarms }, minutes: 0, example: { done: 0, left: 0, failed: 0, numbers: {} },
    async run({ alarms }, { cloudwatch, ledger, run, each }) {
      const work = Array.from({ length: ${seconds * 4} }, (_, i) => ({ item: \`\${i}\`, does: 'mute', minutes: 0 }));
      const write = async ({ item }) => {
        await new Promise((resolve) => setTimeout(resolve, 250));
        const rule = \`novacron-production-\${run.tag}-w\${item}\`;
        const mute = () => cloudwatch.mute(rule, alarms, 'goes on', new Date());
        ${ledger ? "await ledger.change('alarm-mute', rule, { before: null, after: alarms }, mute);" : 'await mute();'}
        return { before: {}, after: {} };
      };
      ${ledger ? 'return each(work, write);' : 'for (const one of work) await write(one); return { done: 1, left: 0, failed: 0, numbers: {} };'}
    },
  });`;

/** A function outside of the framework that does the same: nothing fences it, nothing waits for it. */
export const writingUnfenced = (seconds: number): string => `
  import { CloudWatchClient, PutAlarmMuteRuleCommand } from '@aws-sdk/client-cloudwatch';
  export const handler = async ({ run, input }) => {
    const client = new CloudWatchClient({});
    for (let i = 0; i < ${seconds * 4}; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      await client.send(new PutAlarmMuteRuleCommand({
        Name: \`novacron-production-\${run.id.slice(0, 8)}-w\${i}\`,
        Rule: { Schedule: { Expression: \`at(\${new Date().toISOString().slice(0, 16)})\`, Duration: 'PT10M', Timezone: 'UTC' } },
        MuteTargets: { AlarmNames: input.alarms },
      }));
    }
    return { done: 1, left: 0, failed: 0, numbers: {} };
  };`;

/** A step of ours whose process is killed once, while it is at work; the file remembers. Later calls have nothing to do. */
export const killedOnce = (file: string): string =>
  step(`
    const { existsSync, rmSync } = await import('node:fs');
    if (existsSync(${JSON.stringify(file)})) {
      rmSync(${JSON.stringify(file)});
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => {});
    }
    return { done: 1, left: 0, failed: 0, numbers: {} };`);

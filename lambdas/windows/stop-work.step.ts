import * as z from 'zod';
import { executions } from '../clients/executions.ts';
import { liveCalls } from '../framework/call.ts';
import { stepName } from '../framework/middleware.ts';
import { step } from '../framework/step.ts';

/** Stops the operations of a run that still run, and says what may still be working: closing waits until nothing is. */
export const handler = step({
  input: z.strictObject({}),
  uses: { sfn: executions },
  callMinutes: 2,
  minutes: 0,
  during: 'closing',
  example: {
    done: 1,
    left: 2,
    failed: 0,
    numbers: {},
    wait: 'database_optimization runs; database/vacuum-tables works until 02:15',
  },
  async run(_input, { sfn, table, run }) {
    const running: string[] = [];
    for (const operation of run.operations) {
      if ((await sfn.describe(operation.execution))?.status !== 'RUNNING') continue;
      await sfn.stop(operation.execution, `run ${run.id} is being closed`);
      running.push(`${operation.name} runs`);
    }
    const calls = (await liveCalls(table, run.id, new Date().toISOString())).filter((call) => call.step !== stepName());
    const live = [...running, ...calls.map((call) => `${call.step} works until ${call.until} at the latest`)];
    return {
      done: running.length,
      left: live.length,
      failed: 0,
      numbers: {},
      ...(live.length && { wait: live.join('; ') }),
    };
  },
});

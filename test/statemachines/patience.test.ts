import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { operations, type OperationName } from '../../lib/operations.ts';
import { entriesOf } from '../../lib/machines.ts';
import { namesOf } from '../../lib/names.ts';
import { shipped } from '../support/configuration.ts';
import part from '../../statemachines/parts/step.asl.json' with { type: 'json' };

/** The longest that a function works, seconds: its call stays in the record so long when its process is killed. */
const longestCall = 900;

describe('a call whose process was killed', () => {
  const configuration = shipped('production');
  const entries = (Object.keys(operations) as OperationName[]).flatMap((name) =>
    operations[name].steps.flatMap((step) =>
      entriesOf(step, configuration, namesOf(configuration), { operation: name }),
    ),
  );

  it.each(entries)(
    '$names.step waits it out: it is not given up before the next call may work',
    async ({ patience }) => {
      const { Wait } = part.States;
      const next = (vars: object) => async (expression: string) =>
        (await jsonata(expression.slice(2, -2)).evaluate({}, vars)) as number;
      let [waited, pause] = [0, part.States.Prepare.Assign.pause];
      while (waited + pause <= patience) {
        const value = next({ waited, pause });
        [waited, pause] = [await value(Wait.Assign.waited), await value(Wait.Assign.pause)];
      }
      expect(waited).toBeGreaterThan(longestCall);
    },
  );
});

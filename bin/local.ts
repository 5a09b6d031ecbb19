import { join } from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { cacheFolder } from '../local/bare/cache.mjs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { seedPast } from '../local/novacron/past.ts';
import { clientSettings, database, startSystem, type System } from '../local/system.ts';
import { namesOf } from '../lib/names.ts';
import { fetchReport, runWindow } from '../local/window.ts';

const usage = `npm start [-- options]
  Runs a production maintenance window on this machine: an AWS emulator, PostgreSQL, NovaCron's neglected database.
  --window NAME   the window to run, of config/windows.yaml (weekly)
  --dry-run       say what would be done and change nothing
  --keep          leave everything running afterwards, until Ctrl-C
  --help`;

const { values: options } = parseArgs({
  options: {
    window: { type: 'string', default: 'weekly' },
    'dry-run': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const began = Date.now();
const say = (what: string) => {
  const seconds = ((Date.now() - began) / 1_000).toFixed(1).padStart(6);
  console.log(`${styleText('dim', `${seconds} s`)}  ${what}`);
};

if (options.help) console.log(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  let system: System | undefined;
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'));
  });
  const starting = startSystem({ say });
  // Neither a signal's listener nor the emulator keeps this process alive while it only waits.
  const alive = setInterval(() => {}, 60_000);
  try {
    const started = await Promise.race([starting, interrupted]);
    if (started === 'interrupted') return await givenUp();
    system = started;
    await makePast(system);
    const ended = await Promise.race([window(system), interrupted]);
    if (ended === 'interrupted') return await givenUp();
    if (options.keep) {
      console.log(howToLook(system));
      await interrupted;
    }
    return ended;
  } finally {
    // What is still starting has to be known before it can be stopped.
    system ??= await starting.catch(() => undefined);
    say('Stopping everything');
    await system?.stop();
    clearInterval(alive);
  }
}

async function givenUp(): Promise<number> {
  say('Interrupted');
  return 130;
}

/** Trends need weeks: the report says itself that they are made up. */
async function makePast({ emulator, cluster }: System): Promise<void> {
  const environment = 'production';
  const { runs, days } = await seedPast(
    {
      table: namesOf({ environment, account: emulator.account, region: emulator.region }).table,
      databaseUrl: cluster.primary.url(database),
      client: new DynamoDBClient(clientSettings(emulator)),
    },
    { environment, target: 'novacron', window: options.window },
  );
  say(`Seeded a made-up past for the trends of the report: ${runs.length} earlier runs, ${days.length} earlier days`);
}

/** Runs the window and shows its report; 0 when it ended well. */
async function window({ emulator }: System): Promise<number> {
  const request = { window: options.window, reason: 'npm start', ...(options['dry-run'] && { dryRun: true }) };
  say(`Starting the ${options.window} window through its state machine: ${JSON.stringify(request)}`);
  const { executionArn, status, error, cause } = await runWindow(emulator, request, say);
  say(`The run ended ${status}${error ? `: ${error}: ${cause}` : ''}`);
  const report = await fetchReport(emulator, executionArn!, join(cacheFolder, 'last-run'));
  if (report) console.log(`\n${report.text}\nThe report as a page: ${report.page}\n`);
  return status === 'SUCCEEDED' ? 0 : 1;
}

function howToLook({ emulator, cluster, folder }: System): string {
  const env = Object.entries(emulator.env).map(([name, value]) => `${name}=${value}`);
  return [
    'Everything goes on running until Ctrl-C. To look at it, in another terminal:',
    '',
    `  export ${env.join(' ')}`,
    `  aws stepfunctions list-executions --state-machine-arn arn:aws:states:us-east-1:000000000000:stateMachine:novacron-production-window`,
    `  aws dynamodb scan --table-name novacron-production-runs`,
    `  psql '${cluster.primary.url(database)}'`,
    ...(cluster.standby ? [`  psql '${cluster.standby.url(database)}'   (the standby)`] : []),
    `  tail -f ${folder}/aws/emulator.log`,
    '',
  ].join('\n');
}

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, styleText } from 'node:util';
import { cacheFolder } from '../local/bare/cache.mjs';
import { hostsAreThere, whyNoHosts } from '../local/bare/hosts.mjs';
import { database, windowNames } from '../local/environment.ts';
import { seedPast } from '../local/novacron/past.ts';
import { startSystem, type System } from '../local/system.ts';
import { fetchReport, runWindow } from '../local/window.ts';

const usage = `npm start [-- options]
  Runs a production maintenance window on this machine: an AWS emulator, PostgreSQL, Valkey, NovaCron's neglected data.
  --window NAME   the window to run, of config/windows.yaml (weekly)
  --dry-run       say what would be done and change nothing
  --keep          leave everything running afterwards, until Ctrl-C
  --help`;

type Options = { window: string; 'dry-run': boolean; keep: boolean; help: boolean };

const began = Date.now();
const say = (what: string) => {
  const seconds = ((Date.now() - began) / 1_000).toFixed(1).padStart(6);
  console.log(`${styleText('dim', `${seconds} s`)}  ${what}`);
};

process.exitCode = await main();

async function main(): Promise<number> {
  const options = read(process.argv.slice(2));
  if (typeof options === 'string') return misused(options);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const names = await windowNames();
  if (!names.includes(options.window))
    return misused(`--window: there is no window "${options.window}" in production; there is ${names.join(', ')}.`);

  const interrupted = interruption();
  let system: System | undefined;
  let code: number;
  say(styleText('bold', 'Starting a whole production, deploying to it and running its window: about a minute'));
  try {
    const without = whyNoHosts() ?? (hostsAreThere() ? undefined : 'they are not prepared, see above.');
    if (without) say(`Without Linux hosts, and what is done on them: ${without}`);
    const hosts = without ? [] : ['app-1', 'app-2'];
    system = await startSystem({ hosts, say, signal: interrupted.signal });
    const past = await seedPast(system, options.window);
    say(`Made up a past for the report's trends: ${past.runs.length} runs and ${past.days.length} days before today`);
    code = await showWindow(system, options, interrupted.signal);
    if (options.keep) {
      console.log(howToLook(system));
      // Neither a signal's listener nor the emulator keeps a process alive that only waits.
      for (;;) await sleep(60_000, undefined, { signal: interrupted.signal });
    }
    say('Stopping everything');
  } catch (error) {
    if (interrupted.code === undefined) throw error;
    code = interrupted.code;
  } finally {
    await system?.stop();
  }
  say('Stopped: nothing is left running');
  return code;
}

function read(args: string[]): Options | string {
  try {
    const { values } = parseArgs({
      args,
      options: {
        window: { type: 'string', default: 'weekly' },
        'dry-run': { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return (error as Error).message;
  }
}

function misused(message: string): number {
  console.error(`${message}\n\n${usage}`);
  return 2;
}

/**
 * Aborted by Ctrl-C, by the end of the terminal, or when nobody reads on. Asked again it stays at it: npm passes a Ctrl-C on
 * that the terminal has sent to us already.
 */
function interruption(): { signal: AbortSignal; code?: number } {
  const controller = new AbortController();
  const interrupted: { signal: AbortSignal; code?: number } = { signal: controller.signal };
  const give = (code: number, why: string) => {
    if (interrupted.code !== undefined) return;
    interrupted.code = code;
    say(`${why}: stopping everything`);
    controller.abort();
  };
  process.on('SIGINT', () => give(130, 'Interrupted'));
  process.on('SIGTERM', () => give(143, 'Asked to end'));
  process.on('SIGHUP', () => give(129, 'The terminal is gone'));
  process.stdout.on('error', () => give(141, 'Nobody reads on'));
  return interrupted;
}

/** Runs the window and shows its report; 0 when it ended well. */
async function showWindow({ emulator }: System, options: Options, signal: AbortSignal): Promise<number> {
  const request = { window: options.window, reason: 'npm start', ...(options['dry-run'] && { dryRun: true }) };
  say(`Starting the ${options.window} window through its state machine: ${JSON.stringify(request)}`);
  const { executionArn, status, error, cause } = await runWindow(emulator, request, say, signal);
  const well = status === 'SUCCEEDED';
  say(styleText(well ? 'green' : 'red', `The run ended ${status}${error ? `: ${error}: ${cause}` : ''}`));
  const report = await fetchReport(emulator, executionArn!, join(cacheFolder, 'last-run'));
  if (report) console.log(`\n${report.text}\nThe report as a page: ${styleText('bold', report.page)}\n`);
  return well ? 0 : 1;
}

function howToLook({ emulator, cluster, cache, folder }: System): string {
  const env = Object.entries(emulator.env).map(([name, value]) => `${name}=${value}`);
  return [
    'Everything goes on running until Ctrl-C. To look at it, in another terminal:',
    '',
    `  export ${env.join(' ')}`,
    `  aws stepfunctions list-executions --state-machine-arn arn:aws:states:us-east-1:000000000000:stateMachine:novacron-production-window`,
    `  aws dynamodb scan --table-name novacron-production-runs`,
    `  psql '${cluster.primary.url(database)}'`,
    ...(cluster.standby ? [`  psql '${cluster.standby.url(database)}'   (the standby)`] : []),
    `  redis-cli -p ${cache.port}`,
    `  tail -f ${folder}/aws/emulator.log`,
    '',
  ].join('\n');
}

import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { checkout } from '../local/bare/cache.mjs';
import { hostsAreThere, whyNoHosts } from '../local/bare/hosts.mjs';
import { processesOf } from './support/processes.ts';

/** `npm test`, or with --full what takes longer: runs its parts one after the other, says how long each took, and counts. */
const bin = (name: string) => join(checkout, 'node_modules', '.bin', name);
/** For everything temporary: by it what the tests leave behind is told from other people's. */
const temporary = await mkdtemp(join(tmpdir(), 'novacron-tests-'));
// PostgreSQL runs as another user, who has to find its way in.
await chmod(temporary, 0o755);
const env = {
  PATH: `${join(checkout, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`,
  TMPDIR: temporary,
  // It would be kept in the temporary folder.
  NODE_DISABLE_COMPILE_CACHE: '1',
};

interface Counts {
  passed: number;
  failed: number;
}
interface Part {
  name: string;
  run: () => Promise<Counts>;
}

const command = (name: string, ...args: string[]): Part => ({
  name,
  async run() {
    const { failed } = await execa(bin('node'), [bin(args[0]!), ...args.slice(1)], {
      cwd: checkout,
      env,
      stdio: 'inherit',
      reject: false,
    });
    return failed ? { passed: 0, failed: 1 } : { passed: 1, failed: 0 };
  },
});

const suite = (name: string, project: string, ...args: string[]): Part => ({
  name,
  async run() {
    const folder = await mkdtemp(join(temporary, 'results-'));
    const outputFile = join(folder, 'results.json');
    const vitest = [
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
    ];
    const { failed } = await execa(bin('node'), [bin('vitest'), ...vitest, ...args], {
      cwd: checkout,
      env,
      stdio: 'inherit',
      reject: false,
    });
    const results = await readFile(outputFile, 'utf8').then(
      (text) => JSON.parse(text) as { numPassedTests: number; numFailedTests: number; numFailedTestSuites: number },
      () => ({ numPassedTests: 0, numFailedTests: 1, numFailedTestSuites: 0 }),
    );
    await rm(folder, { recursive: true });
    const counted = { passed: results.numPassedTests, failed: results.numFailedTests };
    // A file that could not be loaded, or an error outside of any test, is a failure too.
    return failed && counted.failed === 0 ? { ...counted, failed: Math.max(1, results.numFailedTestSuites) } : counted;
  },
});

const changesOfCheckout = async () =>
  (await execa('git', ['status', '--porcelain'], { cwd: checkout, reject: false })).stdout;
const changesBefore = await changesOfCheckout();

/** Processes, with the ports they listen on, and files that were not there before, ignored folders excepted. */
const nothingLeft: Part = {
  name: 'nothing is left behind',
  async run() {
    const left = [
      ...(await processesOf(temporary)).map(
        ({ pid, command, ports }) => `process ${pid} ${command} ${ports.join(' ')}`,
      ),
      ...(await readdir(temporary)).map((name) => `file ${join(temporary, name)}`),
      ...((await changesOfCheckout()) === changesBefore ? [] : [`changes in ${checkout}: see git status`]),
    ];
    for (const what of left) console.error(`Left behind: ${what}`);
    return left.length ? { passed: 0, failed: 1 } : { passed: 1, failed: 0 };
  },
};

/** What wants Linux hosts that are booted: where none can be, a sentence says so, and where they must be it is a failure. */
const onHosts = (name: string, project: string): Part => ({
  name,
  async run() {
    const why = whyNoHosts() ?? (hostsAreThere() ? undefined : 'They are not prepared, see above.');
    if (!why) return suite(name, project, '--no-file-parallelism').run();
    const required = process.env['HOSTS_REQUIRED'] === 'yes';
    console.log(`Nothing is tested on Linux hosts${required ? ', which it must be' : ''}: ${why}`);
    return { passed: 0, failed: required ? 1 : 0 };
  },
});

const short: Part[] = [
  command('types', 'tsc'),
  command('style', 'prettier', '--check', '--log-level', 'warn', '.'),
  command('lint', 'eslint', '.'),
  suite('rules, steps, machines and stacks', 'unit'),
  suite('the emulator and the databases of one machine', 'local'),
  onHosts('Linux hosts', 'hosts'),
  // Each file deploys a system of its own; side by side they would compete for the processors that their deadlines are made for.
  suite('end to end', 'end-to-end', '--no-file-parallelism'),
];
const long: Part[] = [
  suite('the database on PostgreSQL 15 and 17', 'other-versions', '--testNamePattern=PostgreSQL (15|17)'),
  suite('steps, longer', 'longer-steps'),
  onHosts('Linux hosts, longer', 'longer-hosts'),
  suite('what takes longer', 'longer', '--no-file-parallelism'),
];

const parts = process.argv.includes('--full') ? long : short;
const total: Counts = { passed: 0, failed: 0 };
const times: string[] = [];
for (const { name, run } of [...parts, nothingLeft]) {
  const began = Date.now();
  const { passed, failed } = await run();
  total.passed += passed;
  total.failed += failed;
  times.push(`${((Date.now() - began) / 1_000).toFixed(1).padStart(7)} s  ${name}: ${passed} passed, ${failed} failed`);
}
await rm(temporary, { recursive: true, force: true });
console.log(`\nOn ${availableParallelism()} processors:\n${times.join('\n')}\n`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed || !total.passed ? 1 : 0;

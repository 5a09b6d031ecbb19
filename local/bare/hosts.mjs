// Prepares Linux hosts for this machine, in the cache and without installing anything on it: the programs that boot them, out of
// their packages, and a root filesystem. Plain JavaScript, as prepare.mjs, which calls it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './cache.mjs';

const suite = 'bookworm';
const programs = ['systemd-container', 'libsystemd-shared', 'mmdebstrap'];
// prettier-ignore
const packages = ['systemd', 'systemd-sysv', 'dbus', 'iproute2', 'procps', 'logrotate', 'rsyslog', 'nginx-light', 'haproxy',
  'redis-server', 'curl', 'ca-certificates'];

const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
const folder = join(cacheFolder, `hosts-${hash.digest('hex').slice(0, 12)}`);
/** Where the programs and the root filesystem lie once they are prepared. */
export const hostFolders = { tools: join(folder, 'tools'), root: join(folder, 'root') };

/** The environment for what administrators run: their programs are not on everybody's PATH. */
export const asAdministrator = { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` };

/** Why no host can be booted here, for a person to read; undefined where one can. Asks nothing of the network. */
export function whyNoHosts() {
  if (process.getuid?.() !== 0)
    return 'Linux hosts are booted by root only: run this as root, or in a container that is.';
  for (const program of ['unshare', 'nsenter', 'setpriv', 'chroot', 'ip', 'perl', 'apt-get', 'dpkg-deb'])
    if (spawnSync('sh', ['-c', `command -v ${program}`], { env: asAdministrator }).status !== 0)
      return `Linux hosts need the program ${program}, which is not here: they are made of Debian's packages (util-linux, iproute2, perl, apt).`;
  const script =
    'mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b /mnt/c /mnt/g && ' +
    'mount -t overlay -o lowerdir=/mnt/a,upperdir=/mnt/b,workdir=/mnt/c overlay /mnt/a && ' +
    'mount -t cgroup2 cgroup2 /mnt/g && ip link add probe type bridge && ip link add one type veth peer name two';
  const { status, stderr } = spawnSync('unshare', ['--mount', '--net', 'sh', '-c', script], {
    env: asAdministrator,
    encoding: 'utf8',
  });
  if (status !== 0)
    return `Linux hosts need namespaces, overlay mounts, cgroups and a bridge, which this machine refuses: ${stderr.trim()}`;
  return undefined;
}

export const hostsAreThere = () => existsSync(hostFolders.root);

/** @returns why they could not be prepared, for a person to read; undefined when they are there */
export function prepareHosts(say) {
  const why = whyNoHosts();
  if (why || hostsAreThere()) return why;
  say('Making a root filesystem for Linux hosts (about two minutes, once) ...');
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(join(fresh, 'apt', 'lists', 'partial'), { recursive: true });
  try {
    const log = [];
    const tools = join(fresh, 'tools');
    mkdirSync(tools);
    const run = (command, args) => {
      const env = { ...asAdministrator, PATH: `${join(tools, 'usr', 'bin')}:${asAdministrator.PATH}` };
      const { status, stdout, stderr, error } = spawnSync(command, args, {
        cwd: fresh,
        env,
        encoding: 'utf8',
        maxBuffer: 2 ** 26,
      });
      log.push(`${command} ${args.join(' ')}`, stdout ?? '', stderr ?? '', String(error ?? ''));
      return status === 0;
    };
    // Lists of our own: those of the machine may be missing or old, and are not ours to renew.
    const ours = ['-o', `Dir::State::Lists=${join(fresh, 'apt', 'lists')}`, '-o', 'APT::Sandbox::User=root'];
    const made =
      run('apt-get', [...ours, 'update']) &&
      run('apt-get', [...ours, 'download', ...programs]) &&
      run('sh', ['-c', 'for package in *.deb; do dpkg-deb -x "$package" tools || exit 1; done; rm *.deb']) &&
      run('perl', [
        ...[
          join(tools, 'usr', 'bin', 'mmdebstrap'),
          '--mode=root',
          '--variant=minbase',
          `--include=${packages.join(',')}`,
        ],
        ...['--aptopt=APT::Install-Recommends "false"', '--dpkgopt=path-exclude=/usr/share/man/*'],
        ...['--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/locale/*', suite],
        join(fresh, 'root'),
      ]);
    if (!made) {
      mkdirSync(cacheFolder, { recursive: true });
      const file = join(cacheFolder, 'hosts.log');
      writeFileSync(file, log.join('\n'));
      return `The packages for Linux hosts could not be had: Debian's archive must be reachable by apt-get. See ${file}.`;
    }
    rmSync(join(fresh, 'apt'), { recursive: true });
    if (!existsSync(folder)) renameSync(fresh, folder);
    return undefined;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

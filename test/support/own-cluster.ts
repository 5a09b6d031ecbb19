import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Cluster, type ClusterOptions, startCluster } from '../../local/postgres/cluster.ts';

export interface OwnCluster extends Cluster, AsyncDisposable {
  /** The account that PostgreSQL runs as may enter it; the cluster's files are in `data`. */
  folder: string;
}

/** A cluster for tests that harm the server, hold up its standby or change its settings; disposing of it stops it and removes its folder. */
export async function ownCluster(options: Omit<ClusterOptions, 'folder'> = {}): Promise<OwnCluster> {
  const folder = await mkdtemp(path.join(tmpdir(), 'novacron-own-'));
  const remove = () => rm(folder, { recursive: true });
  try {
    await chmod(folder, 0o755);
    const cluster = await startCluster({ ...options, folder: path.join(folder, 'data') });
    return {
      ...cluster,
      folder,
      async [Symbol.asyncDispose]() {
        await cluster.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

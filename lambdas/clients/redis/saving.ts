import { isUnknown, translated } from './errors.ts';
import type { NodeFacts } from './info.ts';
import type { CacheNode } from './node.ts';
import { settingOf } from './setting.ts';
import type { Topology } from './topology.ts';

export type SaveCommand = 'BGSAVE' | 'BGREWRITEAOF';

/** A server that may save, and what it is told to keep by itself. */
export interface SavingNode extends NodeFacts {
  /** It makes snapshots by itself (`save`); undefined where nobody may read that. */
  snapshots: boolean | undefined;
}

/** A primary and its replicas, one of which may be out of reach. */
export interface SavingShard {
  primary: SavingNode;
  replicas: (SavingNode | { at: string; unreached: string })[];
}

export interface Saving {
  /** K3. Who could save. */
  savingShards(): Promise<SavingShard[]>;
  /**
   * K3. Begins a save and answers at once; `managed` where the server does not know the command, as ElastiCache does not.
   * @throws StepError `Retryable` while another save is at work
   */
  beginSave(at: string, command: SaveCommand): Promise<'begun' | 'managed'>;
}

export const savingOf = (topology: Topology): Saving => ({
  savingShards: () =>
    topology.onEach(async (node) => {
      const primary = await savingNode(node);
      const replicas = primary.replicas.map(async ({ at }) => {
        try {
          return await savingNode(await topology.at(at));
        } catch (error) {
          return { at, unreached: translated(error, `The replica ${at}`).message };
        }
      });
      return { primary, replicas: await Promise.all(replicas) };
    }),
  async beginSave(at, command) {
    try {
      await (await topology.at(at)).call(command);
      return 'begun';
    } catch (error) {
      if (isUnknown(error)) return 'managed';
      throw translated(error, `${command} on ${at}`);
    }
  },
});

async function savingNode(node: CacheNode): Promise<SavingNode> {
  const [facts, save] = [await node.facts(), await settingOf(node, 'save')];
  return { ...facts, snapshots: save === undefined ? undefined : save !== '' };
}

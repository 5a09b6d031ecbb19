import type { SaveCommand, SavingNode, SavingShard } from '../clients/redis/saving.ts';
import type { Finding, Numbers, Work } from '../framework/result.ts';

/** One save and how far it is. `done`: made since the run began, or nothing to make. */
export interface Save extends Work {
  at: string;
  command: SaveCommand;
  state: 'due' | 'done';
  numbers: Numbers;
}

export interface SavePlan {
  saves: Save[];
  /** What works just now; everything else waits for it. */
  running?: string;
  findings: Finding[];
}

export interface SaveSettings {
  onPrimary: boolean;
  growthShare: number;
}

/**
 * K3. What is to be saved where: on a replica where there is one, only where the server keeps anything, one at a time, with memory
 * for what is written meanwhile.
 * @param since when the run began, by our clock; the answers carry the servers'
 */
export function savePlan(shards: SavingShard[], since: Date, now: Date, settings: SaveSettings): SavePlan {
  const plan: SavePlan = { saves: [], findings: [] };
  for (const shard of shards) {
    const all = [shard.primary, ...shard.replicas.flatMap((replica) => ('unreached' in replica ? [] : [replica]))];
    plan.running ??= all.map(runningOn).find((running) => running !== undefined);
    const node = saverOf(shard, settings.onPrimary);
    if ('severity' in node) {
      plan.findings.push(node);
      continue;
    }
    // Its own clock says when it saved: the run's beginning on that clock.
    const begun = new Date(since.getTime() + Date.parse(node.now) - now.getTime());
    const saves = savesOf(node, begun, settings.growthShare);
    if (saves.length === 0) plan.findings.push(keepsNothing(node));
    const obstacle = saves.some(({ state }) => state === 'due') ? obstacleOn(node) : undefined;
    if (obstacle) plan.findings.push(obstacle);
    plan.saves.push(...saves.filter(({ state }) => state === 'done' || !obstacle));
  }
  return plan;
}

/** A save at work, or one that the server has put off until then. */
function runningOn({ at, saving }: SavingNode): string | undefined {
  if (saving.saveInProgress) return `BGSAVE is at work on ${at}.`;
  if (saving.rewriteInProgress) return `BGREWRITEAOF is at work on ${at}.`;
  return saving.rewriteScheduled ? `BGREWRITEAOF is due on ${at} as soon as what works there is done.` : undefined;
}

function saverOf({ primary, replicas }: SavingShard, onPrimary: boolean): SavingNode | Finding {
  if (onPrimary || replicas.length === 0) return primary;
  const good = replicas.flatMap((replica) => ('unreached' in replica || !replica.inSync ? [] : [replica]))[0];
  if (good) return good;
  const why = replicas.map((replica) => ('unreached' in replica ? replica.unreached : `${replica.at} is not in sync.`));
  return {
    severity: 'warning',
    subject: `Saving ${primary.at}`,
    message:
      `Nothing was saved: no replica of ${primary.at} can do it. ${why.join(' ')} Mend the replica, or let the primary save by onPrimary.`.slice(
        0,
        2_000,
      ),
  };
}

function savesOf(node: SavingNode, begun: Date, growthShare: number): Save[] {
  const { at, saving } = node;
  const of = (command: SaveCommand, state: Save['state'], numbers: Numbers): Save => ({
    ...{
      item: `${command} on ${at}`,
      does: `${command} on the ${node.role} ${node.server} on ${at}`,
      at,
      command,
      state,
      numbers,
    },
    size: node.memory.usedBytes,
  });
  const saves: Save[] = [];
  if (node.snapshots) {
    // It tells the second only, so one of the same second may be older.
    const isNew = saving.lastSaveOk && Date.parse(saving.lastSave) > Math.floor(begun.getTime() / 1_000) * 1_000;
    const ageSeconds = Math.max(0, Math.round((Date.parse(node.now) - Date.parse(saving.lastSave)) / 1_000));
    saves.push(of('BGSAVE', isNew ? 'done' : 'due', { lastSaveAgeSeconds: ageSeconds }));
  }
  if (saving.appendOnly) {
    const { appendOnlyBytes, appendOnlyBaseBytes, lastRewriteOk } = saving;
    const isCompact = lastRewriteOk && appendOnlyBytes <= appendOnlyBaseBytes * (1 + growthShare) + 1_024;
    saves.push(of('BGREWRITEAOF', isCompact ? 'done' : 'due', { appendOnlyBytes }));
  }
  return saves;
}

function keepsNothing({ at, snapshots }: SavingNode): Finding {
  const message =
    snapshots === undefined
      ? `${at} does not tell whether it keeps its data (CONFIG GET save is refused), so nothing was saved. A managed cache, such as ElastiCache, is backed up by its own snapshots (CreateSnapshot). A server of your own: allow the user config|get.`
      : `${at} keeps nothing on its disk (save and appendonly are off), so nothing was saved: what it holds is gone when it ends. A save would write a file that nobody loads.`;
  return { severity: 'information', subject: `Saving ${at}`, message };
}

/** Why this server must not fork now. */
function obstacleOn({ at, memory, saving, replicas }: SavingNode): Finding | undefined {
  const copying = replicas.filter(({ online }) => !online).map(({ at }) => at);
  const about = (message: string): Finding => ({ severity: 'warning', subject: `Saving ${at}`, message });
  if (copying.length > 0)
    return about(`Nothing was saved on ${at}: ${copying.join(', ')} is being brought into sync from it.`);
  // Where none was made yet, a tenth of all is taken to be written meanwhile.
  const needed = 2 * (saving.copiedBytes || memory.usedBytes / 10);
  const free = memory.systemBytes - memory.rssBytes;
  if (memory.systemBytes === 0 || free >= needed) return undefined;
  const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20).toLocaleString('en')} MiB`;
  return about(
    `Nothing was saved on ${at}: ${mebibytes(free)} of its machine's memory are free, and what is written during a save may need ${mebibytes(needed)}. Without them the machine ends the server.`,
  );
}

import type { AlarmFacts } from '../clients/monitoring.ts';
import { duration } from '../reports/format.ts';

/** How long an alarm may have too little data before it is stuck, milliseconds: one that was just made has none yet. */
const settling = 15 * 60_000;

/** Why the alarms would not tell anybody that this automation is in trouble; nothing where they would. C8. */
export function whyNotGuarded(expected: string[], found: AlarmFacts[], heartbeat: string, now: Date): string[] {
  const known = new Map(found.map((alarm) => [alarm.name, alarm]));
  return expected.flatMap((name) => {
    const alarm = known.get(name);
    if (!alarm) return [`The alarm ${name} does not exist. Deploy again, then start the window again.`];
    if (!alarm.actionsEnabled)
      return [
        `The alarm ${name} would tell nobody: its actions are switched off. Run \`aws cloudwatch enable-alarm-actions --alarm-names ${name}\`.`,
      ];
    if (alarm.actions === 0)
      return [`The alarm ${name} would tell nobody: it has no action. Deploy again, then start the window again.`];
    return name === heartbeat ? whyBlind(alarm, now) : [];
  });
}

/** The alarm on the heartbeat sees something. Others have nothing to see as long as all is well. */
function whyBlind({ name, state, since }: AlarmFacts, now: Date): string[] {
  const age = since ? now.getTime() - since.getTime() : Number.POSITIVE_INFINITY;
  if (state !== 'INSUFFICIENT_DATA' || age <= settling) return [];
  const long = Number.isFinite(age) ? ` for ${duration(age)}` : '';
  return [
    `The alarm ${name} has had no data${long}: it would not notice that the watch has died. Look at the function windows/watch and at its metric WatchAlive.`,
  ];
}

/** CloudWatch takes at most 100 alarms in one mute rule. */
const alarmsInARule = 100;

/** The mute rules of one run: their names carry the run's tag, so that a leftover can be told whose it is. */
export function muteRules(
  environment: string,
  tag: string,
  alarms: readonly string[],
): { rule: string; alarms: string[] }[] {
  const sorted = [...new Set(alarms)].sort();
  const rules: { rule: string; alarms: string[] }[] = [];
  for (let from = 0; from < sorted.length; from += alarmsInARule)
    rules.push({
      rule: `novacron-${environment}-${tag}-${rules.length + 1}`,
      alarms: sorted.slice(from, from + alarmsInARule),
    });
  return rules;
}

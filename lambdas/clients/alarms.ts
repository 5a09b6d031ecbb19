import type { Client } from '../framework/client.ts';

/** How long a mute holds when nobody extends it, minutes: a run that died leaves nothing muted for longer. */
export const muteMinutes = 10;

/** CloudWatch alarm mute rules (W17). The alarms of a rule go on evaluating, only their actions are muted. */
export interface Alarms {
  /** The alarms that the rule mutes; undefined where there is no such rule. */
  muted(rule: string): Promise<string[] | undefined>;
  /** Mutes these alarms (at most 100) from this minute on for `muteMinutes`; called again, the time starts anew. */
  mute(rule: string, alarms: string[], why: string, now: Date): Promise<void>;
  unmute(rule: string): Promise<void>;
}

export const alarms: Client<Alarms> = {
  needs: 'alarms',
  async open() {
    const { CloudWatchClient, DeleteAlarmMuteRuleCommand, GetAlarmMuteRuleCommand, PutAlarmMuteRuleCommand } =
      await import('./sdk/cloudwatch.ts');
    const client = new CloudWatchClient({});
    return {
      async muted(AlarmMuteRuleName) {
        try {
          const { MuteTargets } = await client.send(new GetAlarmMuteRuleCommand({ AlarmMuteRuleName }));
          return MuteTargets?.AlarmNames ?? [];
        } catch (error) {
          if (/ResourceNotFound/.test((error as Error).name)) return undefined;
          throw error;
        }
      },
      async mute(Name, AlarmNames, Description, now) {
        const minute = now.toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length);
        await client.send(
          new PutAlarmMuteRuleCommand({
            Name,
            Description,
            Rule: { Schedule: { Expression: `at(${minute})`, Duration: `PT${muteMinutes}M`, Timezone: 'UTC' } },
            MuteTargets: { AlarmNames },
          }),
        );
      },
      async unmute(AlarmMuteRuleName) {
        await client.send(new DeleteAlarmMuteRuleCommand({ AlarmMuteRuleName }));
      },
      async [Symbol.asyncDispose]() {
        client.destroy();
      },
    };
  },
};

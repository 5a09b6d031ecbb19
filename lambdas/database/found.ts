import type { Finding, Numbers, Result } from '../framework/result.ts';

const severities = ['critical', 'warning', 'information'] as const;
const maxFindings = 50;

/**
 * What a step answers that only looks: its findings, worst first, in the order given otherwise. A step may answer fifty; the rest
 * in one, so that nobody takes fifty for all.
 */
export function found(findings: readonly Finding[], numbers: Numbers = {}): Result {
  const ordered = severities.flatMap((severity) => findings.filter((one) => one.severity === severity)).map(fitting);
  const kept = ordered.length <= maxFindings ? ordered : [...ordered.slice(0, maxFindings - 1), rest(ordered)];
  return {
    done: 1,
    left: 0,
    failed: 0,
    numbers: { ...numbers, findings: findings.length },
    ...(kept.length > 0 && { findings: kept }),
  };
}

const rest = (ordered: Finding[]): Finding => {
  const others = ordered.slice(maxFindings - 1);
  return {
    severity: others[0]?.severity ?? 'information',
    subject: `${others.length} more`,
    message: shortened(`There is more of this kind: ${others.map(({ subject }) => subject).join(', ')}.`, 2_000),
  };
};

/** Within the contract's limits, however long the names in it are. */
const fitting = ({ severity, subject, message, remedy }: Finding): Finding => ({
  severity,
  subject: shortened(subject, 300),
  message: shortened(message, 2_000),
  ...(remedy !== undefined && { remedy: shortened(remedy, 2_000) }),
});

const shortened = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 2)} …`);

/** `74 %`, never rounded up to what it has not reached. */
export const percent = (share: number) => `${Math.floor(share * 100)} %`;

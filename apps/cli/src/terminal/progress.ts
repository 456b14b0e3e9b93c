/** Progress of long work: a bar with rate and ETA on a terminal, a plain line every ten seconds elsewhere. */

export interface Progress {
  /** `done` of the total (which may change on the way); `note` stands behind the bar. */
  update(done: number, note?: string, total?: number): void;
  /** Ends the bar; `note` stays. */
  end(note?: string): void;
}

export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressSettings {
  readonly stream: ProgressStream;
  readonly label: string;
  readonly total: number;
  readonly unit: string;
  readonly now?: () => number;
}

const LINE_EVERY_MS = 10_000;
const DRAW_EVERY_MS = 100;

export function startProgress({
  stream,
  label,
  total: planned,
  unit,
  now = () => performance.now(),
}: ProgressSettings): Progress {
  let total = planned;
  const begun = now();
  let last = -Infinity;
  let first: { at: number; done: number } | undefined;
  let current = 0;
  const interactive = stream.isTTY === true;

  const line = (note: string): string => {
    const elapsed = (now() - begun) / 1000;
    const since = first === undefined ? 0 : (now() - first.at) / 1000;
    const rate = first === undefined || since <= 0 ? 0 : (current - first.done) / since;
    const eta = rate > 0 ? formatSeconds((total - current) / rate) : '–';
    const counts = `${formatCount(current)}/${formatCount(total)}`;
    const speed =
      rate === 0
        ? ''
        : rate >= 1 || unit === ''
          ? `${rate.toFixed(1)} ${unit}/s`
          : `${(1 / rate).toFixed(2)} s/${unit}`;
    const parts = [counts, speed, `${formatSeconds(elapsed)} < ${eta}`, note].filter(Boolean).join(' · ');
    if (!interactive) return `${label}: ${Math.round((100 * current) / Math.max(total, 1))} % · ${parts}\n`;
    const width = 24;
    const filled = Math.min(1, current / Math.max(total, 1)) * width;
    const bar =
      '█'.repeat(Math.floor(filled)) +
      (filled < width ? ' ▏▎▍▌▋▊▉'[Math.floor((filled % 1) * 8)]! : '') +
      ' '.repeat(Math.max(0, width - Math.floor(filled) - 1));
    return `\r\x1b[2K${`${label} ▕${bar}▏ ${parts}`.slice(0, (stream.columns ?? 120) - 1)}`;
  };

  return {
    update(done, note = '', changed = total) {
      current = done;
      total = changed;
      first ??= { at: now(), done };
      const every = interactive ? DRAW_EVERY_MS : LINE_EVERY_MS;
      if (last === -Infinity && !interactive) last = begun; // the first plain line comes after ten seconds
      if (now() - last < every) return;
      last = now();
      stream.write(line(note));
    },
    end(note) {
      const took = formatSeconds((now() - begun) / 1000);
      if (interactive) stream.write(`\r\x1b[2K`);
      if (note !== undefined || now() - begun > 2000)
        stream.write(`${label}: ${note ?? `${formatCount(current)} ${unit}`} (${took})\n`);
    },
  };
}

export const silentProgress: Progress = { update() {}, end() {} };

/** 75 -> `1:15`, 3700 -> `1:01:40`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function formatCount(n: number): string {
  return Number.isInteger(n) ? String(n) : n.toFixed(1);
}

/** A DICOM server for tests: an Orthanc with its DICOMweb plugin, on loopback, where both are installed. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = ['/usr/sbin/Orthanc', '/usr/bin/Orthanc', '/usr/local/sbin/Orthanc'].find(existsSync);
const plugin = ((): string | undefined => {
  try {
    return execFileSync('dpkg', ['-L', 'orthanc-dicomweb'], { encoding: 'utf8' })
      .split('\n')
      .find((line) => /OrthancDicomWeb.*\.so/i.test(line));
  } catch {
    return undefined;
  }
})();

/** Whether tests can start a server, and what their names add where they cannot. */
export const hasOrthanc = program !== undefined && plugin !== undefined;
export const orthancNote = hasOrthanc ? '' : ' (skipped: orthanc and orthanc-dicomweb are not installed)';

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

export interface Orthanc {
  /** Without a slash at the end; its DICOMweb services are under `/dicom-web`. */
  readonly root: string;
  readonly user: string;
  readonly password: string;
  stop(): void;
}

/** Starts an empty server of one user. Throws when it does not answer within half a minute. */
export async function startOrthanc(): Promise<Orthanc> {
  const folder = mkdtempSync(join(tmpdir(), 'orthanc-'));
  const [http, dicom] = [await freePort(), await freePort()];
  const [user, password] = ['reader', 'secret'];
  writeFileSync(
    join(folder, 'orthanc.json'),
    JSON.stringify({
      Name: 'test',
      StorageDirectory: join(folder, 'db'),
      IndexDirectory: join(folder, 'db'),
      HttpPort: http,
      DicomPort: dicom,
      RemoteAccessAllowed: false,
      AuthenticationEnabled: true,
      RegisteredUsers: { [user]: password },
      Plugins: [plugin],
    }),
  );
  const server = spawn(program!, [join(folder, 'orthanc.json')], { stdio: 'ignore' });
  const stop = (): void => {
    server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const root = `http://127.0.0.1:${http}`;
  for (let tries = 0; tries < 150; tries++) {
    const isUp = await fetch(`${root}/system`).then(
      (answer) => answer.ok || answer.status === 401,
      () => false,
    );
    if (isUp) return { root, user, password, stop };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  stop();
  throw new Error('Orthanc did not start');
}

import { execa } from 'execa';

/** Opens an address in the user's browser where there is one; the address is printed anyway. */
export function openBrowser(address: string, env: Readonly<Record<string, string | undefined>>): void {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  if (process.platform !== 'darwin' && env['DISPLAY'] === undefined && env['WAYLAND_DISPLAY'] === undefined)
    return;
  // A browser that does not start is no failure of the sign-in.
  void execa(command, [address], { stdio: 'ignore', detached: true, reject: false });
}

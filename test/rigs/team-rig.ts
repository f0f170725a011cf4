import { CliRig } from './cli-rig.ts';
import { ServerProcess } from './server-process.ts';

/** A server that users sign in to, on a machine that is somebody else's. */
export class TeamRig implements AsyncDisposable {
  /** For who has none of their own: commands want one in their folder. */
  static readonly recipe = { 'recipe.yaml': 'steps:\n  a: { run: "true" }\n' };

  readonly home: CliRig;
  readonly server: ServerProcess;

  private constructor(home: CliRig, server: ServerProcess) {
    this.home = home;
    this.server = server;
  }

  static async start(...args: string[]): Promise<TeamRig> {
    const home = await CliRig.create();
    home.env['USER'] = 'keeper';
    await home.recipe('server', 'user', 'add', 'root', '--role', 'admin');
    return new TeamRig(home, await ServerProcess.start(home, '--auth', 'on', ...args));
  }

  /** Somebody at a terminal of their own, signed in. */
  async join(rig: CliRig, name: string): Promise<void> {
    await this.home.recipe('server', 'user', 'add', name);
    const token = (await this.home.recipe('server', 'token', 'add', name)).out.trim();
    Object.assign(rig.env, {
      // Who is signed in counts, not what the machine calls them.
      USER: `${name}-at-home`,
      STOCKPOT_TOKEN: token,
      STOCKPOT_REMOTE_TOKEN: token,
      STOCKPOT_TRACKING_URL: this.server.url,
    });
  }

  /** Whoever of these approves moves the champion. */
  async protect(...users: readonly string[]): Promise<void> {
    await this.home.recipe('server', 'group', 'add', 'risk');
    for (const user of users) await this.home.recipe('server', 'group', 'add', 'risk', user);
    await this.home.recipe('server', 'grant', 'READ', 'model:m', 'group:risk');
    const { exit, err } = await this.home.recipe('models', 'protect', 'm', '--approvers', 'group:risk');
    if (exit !== 0) throw new Error(err);
  }

  async history(): Promise<(string | undefined)[][]> {
    const { out } = await this.home.recipe('models', 'history', 'm', '--json');
    const rows = JSON.parse(out) as { actor: string; for?: string; action: string }[];
    return rows.map(({ actor, for: asker, action }) => [actor, asker, action]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}

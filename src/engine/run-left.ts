/** Why a driver stops that another one will follow: what runs elsewhere is left to it. */
export class RunLeft extends Error {
  override readonly name = 'RunLeft';
}

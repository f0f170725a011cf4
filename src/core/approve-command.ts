/** What somebody else types to let a protected alias move: `recipe models approve 7`. */
export function approveCommand(promotion: string): string {
  return `recipe models approve ${promotion}`;
}

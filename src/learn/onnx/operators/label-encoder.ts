import { GraphUnsupported } from '../graph-unsupported.ts';
import { numberAttributes, type Operator, onlyAttributes, textAttributes, textsOf } from './operator.ts';

/** A number for each text; what is not among the keys is −0 unless the node says otherwise. */
export const labelEncoder: Operator = (node) => {
  onlyAttributes(node, 'keys_strings', 'values_floats', 'default_float');
  const keys = textAttributes(node, 'keys_strings');
  const values = numberAttributes(node, 'values_floats');
  if (keys.length !== values.length) throw new GraphUnsupported(node.operator, 'of uneven keys and values');
  const otherwise = Number(node.attributes.get('default_float') ?? -0);
  const byText = new Map(keys.map((key, at) => [key, values[at] as number]));
  const ofNone = byText.get('') ?? otherwise;
  let known: { dictionary: readonly string[]; values: Float32Array } | undefined;
  return ([input]) => {
    const { dims, codes, dictionary } = textsOf(node.operator, input);
    // Blocks of one table share their dictionary.
    if (known?.dictionary !== dictionary)
      known = { dictionary, values: Float32Array.from(dictionary, (text) => byText.get(text) ?? otherwise) };
    const byCode = known.values;
    const encoded = new Float32Array(codes.length);
    for (let row = 0; row < codes.length; row += 1) {
      const code = codes[row] as number;
      encoded[row] = code === -1 ? ofNone : (byCode[code] as number);
    }
    return { type: 'float', dims, columns: [encoded] };
  };
};

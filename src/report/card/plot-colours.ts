/** Colours of series, apart from each other on white and on black, in this order. */
export const PLOT_COLOURS = ['#2563eb', '#ea580c', '#059669', '#9333ea'] as const;

// SPDX-License-Identifier: Apache-2.0
// Tables as CSV files that Excel opens with Chinese intact.

/** A cell that a spreadsheet cannot take for a formula. */
function cell(value: unknown): string {
  let text = value === null || value === undefined ? '' : String(value);
  if (/^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

export const csvOf = (rows: unknown[][]) => `\ufeff${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;

export function saveCsv(name: string, rows: unknown[][]): void {
  const url = URL.createObjectURL(new Blob([csvOf(rows)], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

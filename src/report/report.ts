import { renderHtml } from './html.ts';
import { renderJson } from './json.ts';
import { renderJunit } from './junit.ts';
import { renderMarkdown } from './markdown.ts';
import type { ReportInput } from './report-input.ts';
import { renderText } from './text.ts';
import type { TextOptions } from './text.ts';

export const REPORT_FORMATS = ['text', 'json', 'junit', 'markdown', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What each format is called in a folder. */
export const REPORT_FILES: Readonly<Record<ReportFormat, string>> = {
  text: 'report.txt',
  json: 'report.json',
  junit: 'junit.xml',
  markdown: 'report.md',
  html: 'report.html',
};

/** Renders a report. All formats say the same; those for people leave out what is past their room, and say so. */
export function renderReport(format: ReportFormat, input: ReportInput, text: TextOptions): string {
  switch (format) {
    case 'text':
      return renderText(input, text);
    case 'json':
      return renderJson(input);
    case 'junit':
      return renderJunit(input);
    case 'markdown':
      return renderMarkdown(input);
    case 'html':
      return renderHtml(input);
  }
}

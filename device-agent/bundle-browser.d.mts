export interface BrowserBundle {
  readonly text: string
  readonly bytes: number
  readonly gzipped: number
}

export declare function bundleForBrowser(entry?: string, outfile?: string): Promise<BrowserBundle>

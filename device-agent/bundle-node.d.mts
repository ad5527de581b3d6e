export interface NodeBundle {
  readonly text: string
  readonly bytes: number
}

export declare function bundleForNode(): Promise<NodeBundle>

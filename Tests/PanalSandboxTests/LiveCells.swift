import Testing

/// Everything that runs cells for real, one after another: cores and the machine's time are shared.
@Suite(.serialized) enum LiveCells {}

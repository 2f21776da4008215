extension String {
    package var hasControlCharacters: Bool {
        unicodeScalars.contains { $0.value < 32 || (127...159).contains($0.value) }
    }
}

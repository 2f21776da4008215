enum PanalStorePlaceholder {}

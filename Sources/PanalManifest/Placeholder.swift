enum PanalManifestPlaceholder {}

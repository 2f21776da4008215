enum PanalHTTPPlaceholder {}

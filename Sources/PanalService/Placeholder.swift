enum PanalServicePlaceholder {}

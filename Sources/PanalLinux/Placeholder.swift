enum PanalLinuxPlaceholder {}

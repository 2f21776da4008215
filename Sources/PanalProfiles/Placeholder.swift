enum PanalProfilesPlaceholder {}

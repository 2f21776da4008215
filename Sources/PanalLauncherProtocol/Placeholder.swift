enum PanalLauncherProtocolPlaceholder {}

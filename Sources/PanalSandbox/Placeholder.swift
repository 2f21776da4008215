enum PanalSandboxPlaceholder {}

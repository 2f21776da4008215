enum PanalSchedulerPlaceholder {}

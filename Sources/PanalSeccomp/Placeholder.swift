enum PanalSeccompPlaceholder {}

"""What the report of one run says, as data (`model.page_of`); `bench.report.html` makes a page of it."""

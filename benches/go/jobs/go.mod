module bifrost-bench-jobs

go 1.22

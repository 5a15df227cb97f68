module benches/jobs

go 1.22

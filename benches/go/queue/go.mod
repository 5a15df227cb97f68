module benches/queue

go 1.22

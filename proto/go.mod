module github.com/clairberlin/clair-stack/proto

go 1.26


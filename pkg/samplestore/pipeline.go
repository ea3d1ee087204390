package samplestore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pipeline sends statements together; without BEGIN they are one transaction. All
// values are in binary format.
type pipeline struct {
	conn    *pgx.Conn
	queries []*query
	err     error
}

type query struct {
	statement  *pgconn.StatementDescription
	parameters [][]byte
	row        func([][]byte)         // nil, or told each row that comes back
	done       func(rows int64) error // nil, or told how many rows were written
}

func (p *pipeline) queue(ctx context.Context, sql string, parameters [][]byte, row func([][]byte)) *query {
	q := &query{parameters: parameters, row: row}
	if p.err != nil {
		return q
	}
	// The driver remembers what it has prepared.
	q.statement, p.err = p.conn.Prepare(ctx, sql, sql)
	p.queries = append(p.queries, q)
	return q
}

var binaryFormat = []int16{pgx.BinaryFormatCode}

func (p *pipeline) run(ctx context.Context) error {
	if p.err != nil || len(p.queries) == 0 {
		return p.err
	}
	wire := p.conn.PgConn().StartPipeline(ctx)
	for _, q := range p.queries {
		wire.SendQueryStatement(q.statement, q.parameters, binaryFormat, binaryFormat)
	}
	err := wire.Sync()
	for i := 0; err == nil; {
		var results any
		results, err = wire.GetResults()
		switch r := results.(type) {
		case *pgconn.ResultReader:
			for r.NextRow() {
				if p.queries[i].row != nil {
					p.queries[i].row(r.Values())
				}
			}
			var tag pgconn.CommandTag
			if tag, err = r.Close(); err == nil && p.queries[i].done != nil {
				err = p.queries[i].done(tag.RowsAffected())
			}
			i++
		case *pgconn.PipelineSync:
			// Committed.
			return wire.Close()
		case nil:
			if err == nil {
				err = errors.New("the server's answer ends early")
			}
		}
	}
	// The transaction's error says more than what closing says after it.
	_ = wire.Close()
	return err
}

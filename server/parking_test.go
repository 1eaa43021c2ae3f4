package server

import "testing"

func TestParkingIsShared(t *testing.T) {
	var p parking
	n := 0
	for p.enter("alice", 0) {
		n++
	}
	if n != parkedMax/parkedShare {
		t.Errorf("%d visitors of alice wait", n)
	}
	if !p.enter("bob", parkedBytes/parkedShare) || p.enter("bob", 1) {
		t.Error("bob's visitors have not what is theirs")
	}
	p.leave("bob", parkedBytes/parkedShare)
	for range n {
		p.leave("alice", 0)
	}
	if p.all != (lot{}) || len(p.of) != 0 {
		t.Errorf("when all have gone: %+v, %v", p.all, p.of)
	}
}

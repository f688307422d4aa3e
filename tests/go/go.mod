module greenroom.test/parity

go 1.25

package engine

func (p Plan) doubts() []string { return nil }

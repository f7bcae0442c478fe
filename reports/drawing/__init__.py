"""What figures are drawn with: canvas, palette, labels, lines, forests of differences, sheets of pictures."""

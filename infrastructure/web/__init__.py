"""The dashboard: pages in HTML, served beside the HTTP interface, for people who read figures and make campaigns."""
